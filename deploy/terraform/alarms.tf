locals {
  alarms = {
    fails = {
      text       = "A check of ${var.connector} fails; the root causes are in the function's log"
      namespace  = "netcheck"
      metric     = "Fail"
      statistic  = "Maximum"
      dimensions = { Pipeline = var.connector }
    }
    undelivered = {
      text       = "netcheck could not store state, send a change or write a report of ${var.connector}"
      namespace  = "netcheck"
      metric     = "Undelivered"
      statistic  = "Maximum"
      dimensions = { Pipeline = var.connector }
    }
    errors = {
      text       = "netcheck itself failed for ${var.connector}; the reason is in its log"
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      statistic  = "Sum"
      dimensions = { FunctionName = aws_lambda_function.this.function_name }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "ignore"
}
