"""Installs what the bench needs and lacks: Debian's packages, and the rivals from npm and PyPI.

Versions are pinned. Only this file speaks to anything beyond loopback, and only once.
"""

import json
import os
import shutil
import subprocess
import sys

from server import Failure

VERDACCIO, DEVPI, PROXPI, GUNICORN = "6.8.0", "6.20.3", "1.3.1", "27.0.1"
# Verdaccio asks for a tag of node-fetch that not every registry has.
NODE_FETCH = "2.7.0"
DEBIAN = {"nginx": "nginx-light", "varnishd": "varnish", "wrk": "wrk", "h2load": "nghttp2-client",
          "taskset": "util-linux", "openssl": "openssl"}


def install(tools, wanted):
    """Installs what is not there yet; gives back why a peer is missing, by its name."""
    tools.mkdir(parents=True, exist_ok=True)
    missing = {}
    programs = {"nginx": "nginx", "varnish": "varnishd"}
    for name in wanted:
        try:
            if name in programs:
                from_debian(programs[name])
            else:
                {"verdaccio": verdaccio, "devpi": devpi, "proxpi": proxpi}[name](tools)
        except (Failure, OSError, subprocess.SubprocessError) as failure:
            missing[name] = reason(failure)
    return missing


def reason(failure):
    """The last line that a program said, else the failure itself."""
    said = str(getattr(failure, "stderr", None) or failure).strip()
    return said.splitlines()[-1] if said else type(failure).__name__


def from_debian(*programs):
    lacking = [DEBIAN[program] for program in programs if not shutil.which(program)]
    if not lacking:
        return
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *lacking]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Failure("missing, as root: " + " ".join(command))
    say("installing " + " ".join(lacking))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True, text=True)
    subprocess.run(command, check=True, capture_output=True, text=True, env=environment)


def verdaccio(tools):
    folder = tools / "verdaccio"
    wanted = json.dumps({
        "private": True, "dependencies": {"verdaccio": VERDACCIO},
        "overrides": {"node-fetch": NODE_FETCH},
    })
    manifest, whole = folder / "package.json", folder / "whole"
    if whole.exists() and manifest.read_text() == wanted:
        return
    say(f"installing verdaccio {VERDACCIO}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    manifest.write_text(wanted)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"],
                   cwd=folder, check=True, capture_output=True, text=True)
    whole.touch()


def devpi(tools):
    from_index(tools / "devpi", f"devpi-server=={DEVPI}")


def proxpi(tools):
    from_index(tools / "proxpi", f"proxpi=={PROXPI}", f"gunicorn=={GUNICORN}")


def from_index(folder, *requirements):
    whole = folder / "whole"
    if whole.exists() and whole.read_text() == " ".join(requirements):
        return
    say("installing " + " ".join(requirements))
    shutil.rmtree(folder, ignore_errors=True)
    for command in ([sys.executable, "-m", "venv", str(folder)],
                    [str(folder / "bin/pip"), "install", "-q", *requirements]):
        subprocess.run(command, check=True, capture_output=True, text=True)
    whole.write_text(" ".join(requirements))


def say(text):
    print(text, file=sys.stderr, flush=True)


def versions(tools):
    """What is compared, for the report."""
    found = {"verdaccio": VERDACCIO, "devpi": DEVPI, "proxpi": PROXPI}
    found = {name: version for name, version in found.items() if (tools / name).exists()}
    for name, command in (("nginx", ["nginx", "-v"]), ("varnish", ["varnishd", "-V"])):
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True)
            found[name] = (done.stderr or done.stdout).splitlines()[0]
    return found
