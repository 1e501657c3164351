# Only with tell_changes: the state between runs, and the topic for changes.

resource "aws_dynamodb_table" "states" {
  count        = local.send_changes
  name         = local.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pipeline"

  attribute {
    name = "pipeline"
    type = "S"
  }
}

resource "aws_sns_topic" "changes" {
  count = local.send_changes
  name  = local.name
}

data "aws_iam_policy_document" "changes" {
  count = local.send_changes

  statement {
    sid       = "State"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem"]
    resources = [aws_dynamodb_table.states[0].arn]
  }
  statement {
    sid       = "Topic"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.changes[0].arn]
  }
}

resource "aws_iam_role_policy" "changes" {
  count  = local.send_changes
  name   = "changes"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.changes[0].json
}
