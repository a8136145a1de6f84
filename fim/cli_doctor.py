"""`fim doctor` on the command line."""

import json

from fim import bundle, coverage, kernel_facts, needs
from fim.diagnosis import OK, BLIND, status
from fim.doctor import Examination
from fim.errors import ANSWER_ENVIRONMENT, ANSWER_USAGE
from fim.kernel import Kernel
from fim.monitor import VERSION
from fim.output import environment_error, opened

__all__ = ["add_verb"]


def add_verb(verbs, add_output):
    """fim doctor"""
    verb = verbs.add_parser("doctor", help="what this kernel can and cannot show, and the mend")
    verb.usage_status = ANSWER_USAGE
    add_output(verb)
    verb.add_argument("--quick", action="store_true", help="attach nothing, prove nothing")
    verb.add_argument("--full", action="store_true",
                      help="prove every operation on every type of local file system mounted here, "
                      "by links, bind mounts, descriptors and other ways")
    verb.add_argument("--kernel", metavar="RELEASE",
                      help="of a kernel that is installed, not of the running one")
    verb.add_argument("--facts", action="store_true",
                      help="print what the choice of hooks rests on, as JSON; nothing else")
    verb.add_argument("--packages", action="store_true",
                      help="print the packages that are missing, one a line; nothing else")
    verb.add_argument("--bundle", metavar="FILE",
                      help="also write facts, findings, coverage and logs, no file's content")
    verb.set_defaults(run=diagnose, failed=ANSWER_ENVIRONMENT)


def diagnose(options):
    """The lines go to the output; the exit status is the answer."""
    kernel = Kernel.installed(options.kernel) if options.kernel else Kernel.of_this_host()
    answer = (facts if options.facts else packages if options.packages else report)
    lines, state = answer(kernel, options)
    with opened(options.output) as sink:
        for line in lines:
            sink.write((line + "\n").encode("utf-8", "backslashreplace"))
    return state


def facts(kernel, options):
    """What kernel_facts.record() finds."""
    del options
    found = kernel_facts.record(kernel, VERSION)
    return json.dumps(found, indent=1).splitlines(), OK


def packages(kernel, options):
    """Names to be carried to a host without a network."""
    names = needs.missing(kernel)
    lines = [json.dumps({"package": name}) for name in names]
    return lines if options.format == "json" else names, BLIND if names else OK


def report(kernel, options):
    """The findings, and with --full the table."""
    found = Examination(kernel, quick=options.quick, full=options.full)
    if options.bundle:
        try:
            bundle.write(options.bundle, kernel_facts.record(kernel, VERSION), found)
        except OSError as error:
            raise environment_error(options.bundle, error)
    form = text if options.format == "text" else json_lines
    return form(found, options.full), status(found.findings)


def text(found, full):
    """For people."""
    lines = [finding.text() for finding in found.findings]
    if full and found.coverage:
        lines += [""] + coverage.table(found.coverage)
    if found.trial:
        lines += [""] + coverage.lines_of("way", found.trial.summary())
    return lines


def json_lines(found, full):
    """For programs."""
    lines = [finding.as_dict() for finding in found.findings]
    return [json.dumps(line) for line in
            lines + ([{"coverage": found.coverage, "ways": found.trial and found.trial.cells}]
                     if full else [])]
