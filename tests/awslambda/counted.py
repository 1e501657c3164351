"""The function's handler, which also logs how many blocks of memory Python holds after each invocation.

A count, since resident memory is the allocator's and the machine's affair: bench/bench_lambda.py measures it.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

from netcheck import awslambda


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    answer = awslambda.handler(event, context)
    gc.collect()
    print(json.dumps({"blocks": sys.getallocatedblocks()}), flush=True)
    return answer
