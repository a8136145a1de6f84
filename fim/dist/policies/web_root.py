"""What a web server serves is not written by the web server: an upload that can be run."""

from fim.policy import Policy

RUN = (".php", ".phtml", ".jsp", ".cgi", ".pl", ".py")
SERVERS = {33, 48, 80, 101}  # www-data, apache, www, nginx

policy = Policy("web_root")
site = policy.watch("/srv/www", exclude=["cache"])


@policy.rule(site, on={"new", "content"}, severity="critical", tags=["attack:T1505.003"])
def uploaded_code(change):
    """The web server wrote a file that it would run."""
    return change.process.uid in SERVERS and change.path.endswith(RUN)
