"""IAM: execution roles, and the policy that netcheck itself needs."""
