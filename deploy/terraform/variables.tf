variable "connector" {
  description = "The name of the MSK Connect connector"
  type        = string
}

variable "zip" {
  description = "The function's zip, as make lambda builds it"
  type        = string
  default     = "../../dist/netcheck-lambda-arm64.zip"
}

variable "schedule" {
  description = "How often, as EventBridge Scheduler has it"
  type        = string
  default     = "rate(15 minutes)"
}

variable "tell_changes" {
  description = "Keep state in DynamoDB, and tell new and resolved root causes to an SNS topic"
  type        = bool
  default     = false
}

variable "log_days" {
  description = "How many days logs are kept; one of the numbers that CloudWatch Logs allows"
  type        = number
  default     = 30
}
