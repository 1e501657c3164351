variable "connector" {
  description = "The name of the MSK Connect connector"
  type        = string
}

variable "zip" {
  description = "The function's zip, built by make lambda"
  type        = string
  default     = "../../dist/netcheck-lambda-arm64.zip"
}

variable "schedule" {
  description = "Schedule expression of EventBridge Scheduler"
  type        = string
  default     = "rate(15 minutes)"
}

variable "tell_changes" {
  description = "Keep state in DynamoDB, and send new and resolved root causes to an SNS topic"
  type        = bool
  default     = false
}

variable "log_days" {
  description = "Days that logs are kept; one of the values that CloudWatch Logs allows"
  type        = number
  default     = 30
}
