"""A process of its own that posts notices to the webhook; prints how many had which outcome."""

import json
import sys
from collections import Counter
from pathlib import Path

import django


def main(path: str) -> None:
    django.setup()
    from tests.support.provider import Provider  # needs the apps

    outcomes: Counter[str] = Counter()
    for raw, signature in json.loads(Path(path).read_text("utf-8")):
        answer = Provider.post(raw.encode(), signature)
        outcomes[answer.json().get("outcome", str(answer.status_code))] += 1
    sys.stdout.write(json.dumps(outcomes) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
