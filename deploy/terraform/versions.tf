terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
    # The aws provider tells a connector's ARN, but not where its workers are; this one does.
    awscc = {
      source  = "hashicorp/awscc"
      version = ">= 1.0"
    }
  }
}
