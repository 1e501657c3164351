# netcheck as a scheduled Lambda function, in the subnets and the security groups of one connector's workers.

data "aws_caller_identity" "current" {}

data "aws_mskconnect_connector" "this" {
  name = var.connector
}

data "awscc_kafkaconnect_connector" "this" {
  id = data.aws_mskconnect_connector.this.arn
}

locals {
  # Names of Lambda functions: up to 64 letters, digits, - and _.
  name         = "netcheck-${substr(replace(var.connector, "/[^A-Za-z0-9_-]/", "-"), 0, 55)}"
  workers      = data.awscc_kafkaconnect_connector.this.kafka_cluster.apache_kafka_cluster.vpc
  send_changes = var.tell_changes ? 1 : 0
  interfaces = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
  ]
}

resource "aws_lambda_function" "this" {
  function_name    = local.name
  description      = "Checks the path of the connector ${var.connector} from MSK to ClickHouse"
  filename         = var.zip
  source_code_hash = filebase64sha256(var.zip)
  handler          = "netcheck.awslambda.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  memory_size      = 512
  timeout          = 120
  role             = aws_iam_role.function.arn

  vpc_config {
    subnet_ids         = local.workers.subnets
    security_group_ids = local.workers.security_groups
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  environment {
    variables = var.tell_changes ? {
      NETCHECK_STATE = "dynamodb://${aws_dynamodb_table.states[0].name}"
      NETCHECK_TOPIC = aws_sns_topic.changes[0].arn
    } : {}
  }

  depends_on = [aws_iam_role_policy.lambda]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name          = aws_lambda_function.this.function_name
  maximum_retry_attempts = 0
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.name}"
  retention_in_days = var.log_days
}

# Permissions of the function

data "aws_iam_policy_document" "trust" {
  for_each = toset(["lambda", "scheduler"])

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
    dynamic "condition" {
      for_each = each.key == "scheduler" ? [data.aws_caller_identity.current.account_id] : []
      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_role" "function" {
  name_prefix        = "netcheck-"
  assume_role_policy = data.aws_iam_policy_document.trust["lambda"].json
}

# policy.json is what `netcheck policy` prints.
resource "aws_iam_role_policy" "netcheck" {
  name   = "netcheck"
  role   = aws_iam_role.function.id
  policy = file("${path.module}/policy.json")
}

data "aws_iam_policy_document" "lambda" {
  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }
  statement {
    sid       = "LambdaInVpc"
    actions   = local.interfaces
    resources = ["*"]
  }
  # Needed by Lambda itself, not by the code of the function.
  statement {
    sid       = "NotTheCode"
    effect    = "Deny"
    actions   = local.interfaces
    resources = ["*"]
    condition {
      test     = "ArnLike"
      variable = "lambda:SourceFunctionArn"
      values   = ["arn:*:lambda:*:${data.aws_caller_identity.current.account_id}:function:${local.name}"]
    }
  }
}

resource "aws_iam_role_policy" "lambda" {
  name   = "lambda"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.lambda.json
}

# The schedule

resource "aws_scheduler_schedule" "this" {
  name                = local.name
  schedule_expression = var.schedule

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = aws_iam_role.schedule.arn
    input    = jsonencode({ connector = var.connector })

    retry_policy {
      maximum_retry_attempts = 0
    }
  }
}

resource "aws_iam_role" "schedule" {
  name_prefix        = "netcheck-schedule-"
  assume_role_policy = data.aws_iam_policy_document.trust["scheduler"].json
}

data "aws_iam_policy_document" "invoke" {
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.this.arn]
  }
}

resource "aws_iam_role_policy" "schedule" {
  name   = "invoke"
  role   = aws_iam_role.schedule.id
  policy = data.aws_iam_policy_document.invoke.json
}
