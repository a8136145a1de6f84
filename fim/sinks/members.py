"""What every mapping of a record does with members."""

__all__ = ["given", "rest"]


def given(members):
    """Without what is not known."""
    return {key: value for key, value in members.items() if value not in (None, {}, [])}


def rest(record, mapped, mapped_process):
    """What is not whole in members of the other schema, by our own names."""
    found = {key: value for key, value in record.items() if key not in mapped}
    process = record.get("process")
    if process:
        found["process"] = {key: value for key, value in process.items()
                            if key not in mapped_process}
        if "exe_b64" in (process["parent"] or {}):
            found["process"]["parent"] = {"exe_b64": process["parent"]["exe_b64"]}
    return found
