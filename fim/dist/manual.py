"""Manual pages and shell completion, made of what fim itself says: the argument parser, the
record schema, the docstring of --sink.  Usage: PREFIX=/usr manual.py WHERE-FIM-IS DIRECTORY

    fim.1          every verb and option, as --help has them
    fim.8          the service: fim.8.in, with the sinks' addresses
    fim-policy.5   what fim.policy says of itself
    fim-records.5  every kind of record and its members, of record.schema.json
    completion     for bash
"""

import argparse
import importlib.util
import inspect
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, sys.argv[1])

from fim.cli import parser
from fim.sinks import address
from fim.version import VERSION

TITLE = '.TH %s %s "" "fim %s" "File integrity monitor"\n'


def roff(text):
    """Text of ours in roff: nothing in it is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def literal(text):
    """Lines as they are."""
    return ".nf\n%s\n.fi\n" % roff(text.rstrip("\n"))


def verbs(top):
    """[(name, its parser, one line about it)]"""
    found = next(action for action in top._actions
                 if isinstance(action, argparse._SubParsersAction))
    helps = {choice.dest: choice.help for choice in found._choices_actions}
    return [(name, verb, helps[name]) for name, verb in found.choices.items()]


def option_name(action):
    """Such as "--format {text,json}"."""
    metavar = action.metavar or ("{%s}" % ",".join(map(str, action.choices)) if action.choices
                                 else action.dest.upper())
    names = ", ".join(action.option_strings) or metavar
    return names + (" " + metavar if action.option_strings and action.nargs != 0 else "")


def options(verb):
    """[(name, help)] of what a verb takes."""
    return [(option_name(action), (action.help or "").replace("%%", "%"))
            for action in verb._actions if action.help != argparse.SUPPRESS]


def verb_page(name, verb, about):
    """One section of fim(1)."""
    usage = " ".join(verb.format_usage().split()[1:])
    parts = [".SS %s\n%s.\n.PP\n.B %s\n" % (roff("fim " + name), roff((verb.description or about)
                                                                      .rstrip(".")), roff(usage))]
    parts += [".TP\n.B %s\n%s\n" % (roff(option), roff(text)) for option, text in options(verb)
              if not option.startswith("-h")]
    return "".join(parts)


def command_page(top):
    """fim(1)"""
    sections = re.split(r"(?m)^([a-z ]+):\n", top.epilog)[1:]
    ending = "".join(".SH %s\n%s" % (title.upper(), literal(text))
                     for title, text in zip(sections[::2], sections[1::2]))
    return (TITLE % ("FIM", 1, VERSION) + ".SH NAME\nfim \\- file integrity monitor\n"
            ".SH SYNOPSIS\n.B fim\n.I VERB\n[options]\n.SH DESCRIPTION\n" + roff(top.description)
            + "\n.SH VERBS\n" + "".join(verb_page(*verb) for verb in verbs(top)) + ending
            + ".SH SEE ALSO\n.BR fim (8),\n.BR fim\\-policy (5),\n.BR fim\\-records (5)\n")


def service_page():
    """fim(8)"""
    with open(os.path.join(HERE, "fim.8.in"), encoding="ascii") as text:
        page = text.read()
    sinks = address.__doc__.split("\n\n", 1)[1]
    words = {"VERSION": VERSION, "SINKS": literal(sinks), "LIMIT": str(address.LIMIT_MB),
             "SHARE": os.environ["PREFIX"] + "/share/fim"}
    return re.sub("@([A-Z]+)@\n?", lambda found: words[found.group(1)], page)


def referred(reference, definitions):
    """What a $ref means: a way through the schema, from #/definitions on."""
    found = definitions
    for name in reference.split("/")[2:]:
        found = found[name]
    return found


def type_of(schema, definitions):
    """What a member is, in words."""
    if "$ref" in schema:
        whole = dict(referred(schema["$ref"], definitions),
                     **{k: v for k, v in schema.items() if k != "$ref"})
        return type_of(whole, definitions)
    kinds = schema.get("type") or " | ".join(
        type_of(one, definitions) for one in schema.get("anyOf", ()))
    if "enum" in schema:
        kinds = " | ".join("null" if one is None else str(one) for one in schema["enum"])
    if "const" in schema:
        kinds = json.dumps(schema["const"])
    return " or ".join(kinds) if isinstance(kinds, list) else kinds or "any"


def member(name, schema, required, definitions):
    """One member of a record, and below it those of an object."""
    whole = referred(schema["$ref"], definitions) if "$ref" in schema else schema
    about = schema.get("description") or whole.get("description")
    text = ".TP\n.B %s\n%s%s%s\n" % (
        roff(name), roff(type_of(schema, definitions)), "" if required else " (not always there)",
        roff(": " + about) if about else "")
    for key, inner in sorted(whole.get("properties", {}).items()):
        text += member(name + "." + key, inner, key in whole.get("required", ()), definitions)
    return text


def records_page():
    """fim-records(5)"""
    with open(os.path.join(HERE, "record.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    definitions = schema["definitions"]
    kinds = schema["properties"]["kind"]["enum"]
    shared = set.intersection(*(set(definitions[kind]["properties"]) for kind in kinds))
    page = (TITLE % ("FIM-RECORDS", 5, VERSION) + ".SH NAME\nfim\\-records \\- records of fim\n"
            ".SH DESCRIPTION\n" + roff(schema["description"]) + "\n.SH EVERY RECORD\n")
    any_kind = definitions[kinds[0]]
    page += "".join(member(name, any_kind["properties"][name] if name != "kind" else
                           {"enum": kinds}, True, definitions) for name in sorted(shared))
    for kind in kinds:
        page += ".SH %s\n%s\n" % (kind.upper(), roff(definitions[kind].get("description", "")))
        for name, inner in definitions[kind]["properties"].items():
            if name not in shared:
                page += member(name, inner, name in definitions[kind]["required"], definitions)
    return page + ".SH SEE ALSO\n.BR fim (1),\n.BR fim (8)\n"


def policy_page():
    """fim-policy(5), of what fim.policy says of itself."""
    from fim import policy
    page = (TITLE % ("FIM-POLICY", 5, VERSION) + ".SH NAME\nfim\\-policy \\- policies of fim\n"
            ".SH DESCRIPTION\n" + literal(inspect.getdoc(policy)))
    for name in policy.__all__:
        thing = getattr(policy, name)
        page += ".SH %s\n%s" % (name.upper(), literal(inspect.getdoc(thing) or ""))
        for method, code in sorted(vars(thing).items()) if inspect.isclass(thing) else ():
            if inspect.isfunction(code) and not method.startswith("_"):
                page += ".SS %s%s\n%s" % (roff(method), roff(str(inspect.signature(code))),
                                          literal(inspect.getdoc(code) or ""))
    return page + ".SH SEE ALSO\n.BR fim (1),\n.BR fim\\-records (5)\n"


def pages(top):
    """[(file, its text)]"""
    found = [("fim.1", command_page(top)), ("fim.8", service_page()),
             ("fim-records.5", records_page()), ("completion", completion(top))]
    if importlib.util.find_spec("fim.policy"):
        found.append(("fim-policy.5", policy_page()))
    return found


COMPLETION = """# bash completion for fim, made of its own parser
_fim()
{
	local word verb= words= current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}

	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in -*) ;; *) verb=$word; break ;; esac
	done
	case "$verb $before" in
%s	*)
		case $verb in
%s		"") words="%s" ;;
		esac ;;
	esac
	[[ -n $verb && $current != -* && $words == *--* ]] && words=
	COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _fim fim
"""


def completion(top):
    """For bash: verbs, options, and the choices of those that have some."""
    values, names = "", ""
    for name, verb, _ in verbs(top):
        flags = [flag for action in verb._actions for flag in action.option_strings]
        names += '\t\t%s) words="%s" ;;\n' % (name, " ".join(flags))
        for action in verb._actions:
            if action.choices and action.option_strings:
                values += '\t"%s %s") words="%s" ;;\n' % (
                    name, action.option_strings[-1], " ".join(map(str, action.choices)))
    return COMPLETION % (values, names, " ".join(name for name, _, _ in verbs(top)) + " --help")


def main():
    """Write them."""
    os.environ["COLUMNS"] = "1000"
    top, directory = parser(), sys.argv[2]
    os.makedirs(directory, exist_ok=True)
    for name, text in pages(top):
        with open(os.path.join(directory, name), "w", encoding="ascii") as file:
            file.write(text)


main()
