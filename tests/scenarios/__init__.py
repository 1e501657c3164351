"""Pipelines as data: a healthy one (base.yaml), and scenarios that change something in it.

A scenario is one YAML document of a .yaml file in this folder (several may stand in a file, apart by `---`):

    name: D01 a scheme in the host name
    patch:                                  # what differs from base.yaml, in order
      - {at: connector/connectorConfiguration/hostname, set: "https://demo.eu-west-1.aws.clickhouse.cloud"}
      - {at: ec2/SecurityGroups/GroupId=sg-brokers/IpPermissions, add: {IpProtocol: tcp, ...}}
      - {at: ec2/NatGateways/NatGatewayId=nat-a, drop: true}
    deny: [kafka:ListNodes]                 # actions that AWS refuses
    expect:                                 # every failure and warning there is to be, and no other
      - check: connector.hostname
        status: fail
        cause: config_hostname
        target: "clickhouse-*"              # a glob, where the check is about several
        component: sg-brokers
        code: ENI_SG_RULES_MISMATCH
        summary: leave out https            # regular expressions, found anywhere
        fix: hostname=demo
    exit: 1                                 # 0 without `expect`, else 1

`like: NAME` begins with the patches of another scenario (a shape of healthy pipeline in shapes.yaml, say).
`only` is a list of globs of checks to run; without it, every check that sends no packet. `others: any` allows
more failures and warnings than `expect` names. `services` adds answers of other AWS services, as World has
them; `dns` adds names; the pipeline's `log` is a list of `[time, line]`, the workers' log.

A path leads through keys, list positions and `key=value`, which is the item of a list that has it.
"""
