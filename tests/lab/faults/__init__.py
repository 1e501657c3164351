"""The fault matrix: one whole pipeline in the kernel lab, and everything that people break in it.

A pipeline of tests/scenarios (base.yaml and patches of it) is what AWS's endpoint serves, and what the lab is
built of: routers, filters, NAT and internet gateways as in tests/lab. Real brokers, a real ClickHouse, name
servers and TLS stand at the addresses; netcheck runs in the namespace of a worker's interface.

    python -m tests.lab.faults                   every row, and the healthy pipeline a hundred times
    python -m tests.lab.faults S01 'H*' -v       some rows, and what netcheck said
    pytest tests/lab/faults                      every row, as CI runs it

rows/*.yaml     the matrix: each row a fault (or an oddity that is none) and what netcheck has to say
rows.py         reads it
backends.py     Kafka, ClickHouse: started once, shared by all labs
doors.py        what stands at an address and port: a backend, or a misbehaving peer
site.py         one row's world: namespaces, filters, doors, names, AWS's endpoint
zygote.py       netcheck, imported once and forked for each run
judge.py        what a report has to say of a row
inside.py       the process in the sandbox that runs rows; stage.py talks to it from outside
"""
