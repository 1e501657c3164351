output "function" {
  description = "For a manual aws lambda invoke --function-name"
  value       = aws_lambda_function.this.function_name
}

output "topic" {
  description = "Subscribe to this topic for new and resolved root causes; null without tell_changes"
  value       = one(aws_sns_topic.changes[*].arn)
}
