"""The log of an outage as the guide reads it: grep -i "failover\\|retry\\|error"."""

import re

GREP = re.compile(r"failover|retry|error", re.IGNORECASE)
LINES_MAX = 20
# The transitions of one outage, in the order in which they must appear, each once.
OUTAGE = ("level down", "switched to a lower level", "level is back",
          "switched back to a higher level", "failback complete")


def grep(collector):
    return [line for line in collector.log_lines() if GREP.search(line.raw)]


def of_signal(lines, signal):
    """Lines about that signal, and lines about no signal in particular."""
    others = {"traces", "metrics", "logs"} - {signal}
    return [line for line in lines if line.fields.get("otelcol.signal") not in others]


def first_failure_to_failback(lines):
    """From the first line of trouble to the last 'failback complete'."""
    trouble = [index for index, line in enumerate(lines)
               if line.level in ("warn", "error") or "retry" in line.raw.lower()]
    ends = [index for index, line in enumerate(lines) if "failback complete" in line.message]
    assert trouble and ends, "no outage in these lines"
    return lines[trouble[0] : ends[-1] + 1]


def check(collector, signal, connector, transitions=OUTAGE):
    """The page reads as a story: at most twenty lines, each transition once, in order."""
    story = first_failure_to_failback(of_signal(grep(collector), signal))
    text = "\n".join(line.raw for line in story)
    assert len(story) <= LINES_MAX, f"{len(story)} lines for {signal}:\n{text}"
    own = [line for line in story if line.fields.get("otelcol.component.id") == connector]
    told = [step for line in own for step in transitions if step in line.message]
    assert told == list(transitions), f"{signal} tells {told}:\n{text}"
    switch = next(line for line in own if "switched to a lower level" in line.message)
    assert "primary" in switch.fields["from"] and "secondary" in switch.fields["to"]
    assert switch.fields.get("reason"), "the switch does not say why"
    return story
