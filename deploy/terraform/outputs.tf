output "function" {
  description = "Invoke it by hand with aws lambda invoke --function-name"
  value       = aws_lambda_function.this.function_name
}

output "topic" {
  description = "Subscribe to it to hear of new and resolved root causes; null without tell_changes"
  value       = one(aws_sns_topic.changes[*].arn)
}
