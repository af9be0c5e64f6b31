"""The gateway and its peers: the configuration of each, and its start.

Every peer is told the upstream on loopback; no default address of a peer is left in force.
"""

import base64
import http.client
import json
import os
import subprocess

from server import Failure, Server, free_port

TLS_CIPHER = "TLS_AES_128_GCM_SHA256"
REAL_GROUPS = 100
CONTROLS = ('min_age = "3d"\n', 'lookalike = "warn"\n')


class Peers:
    """Starts servers for a case. `missing` says of each absent peer why it is."""

    def __init__(self, binary, tools, upstream, folder, missing):
        self.binary, self.tools, self.upstream = binary, tools, upstream
        self.folder, self.missing = folder, missing
        self.started = 0
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", self.key,
             "-out", self.certificate], check=True, capture_output=True)

    def has(self, name):
        return name not in self.missing

    def start(self, name, /, **details):
        self.started += 1
        folder = self.folder / f"{self.started}-{name}"
        folder.mkdir()
        folder.chmod(0o755)
        return getattr(self, name)(folder, **details)

    def gateway(self, folder, more="", name="gateway", data=None, policy=True):
        """`more` goes to the end of the configuration."""
        base = self.upstream.base
        text = f'[upstreams]\nnpm = "{base}"\npypi = "{base}"\nmaven = "{base}/maven"\n'
        text += self.policy() if policy else ""
        config = folder / "portcullis.toml"
        config.write_text(text + more)
        port = free_port()
        server = Server(name, [
            self.binary, "serve", "--config", config, "--data", data or folder / "data",
            "--listen", f"127.0.0.1:{port}", "--admin", "127.0.0.1:0",
        ], folder, port, "/npm/public")
        if "[tls]" in more:
            server.tls_port, server.speaks_plain = port, False
        return server

    def policy(self, groups=REAL_GROUPS):
        """Rules as a company has them: its own scopes claimed; for the rest, what is built."""
        rest = '[[group]]\npattern = "/*"\n'
        controls = [line for line in CONTROLS if self.accepts(rest + line)]
        text = "".join(
            f'[[group]]\npattern = "/npm/scope-{number}/*"\nexternal = "block"\n'
            for number in range(groups)
        )
        return "\n" + (rest + "".join(controls) if controls else "") + text

    def accepts(self, text):
        """Whether the gateway knows these keys: unknown ones make a configuration unusable."""
        probe = self.folder / "probe.toml"
        probe.write_text(f'[upstreams]\nnpm = "{self.upstream.base}"\n' + text)
        done = subprocess.run([self.binary, "check", "--config", probe], capture_output=True,
                              cwd=self.folder, env={"HOME": str(self.folder), "PATH": "/usr/bin"})
        return done.returncode in (0, 1)

    def tls_table(self):
        """What makes the gateway's listener speak TLS, and nothing else."""
        return f'\n[tls]\ncertificate = "{self.certificate}"\nkey = "{self.key}"\n'

    def nginx(self, folder):
        port, tls_port = free_port(), free_port()
        temporary = "".join(
            f"    {kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = folder / "nginx.conf"
        config.write_text(f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
{temporary}    access_log off;
    sendfile on;
    tcp_nopush off;
    keepalive_requests 1000000000;
    proxy_cache_path {folder}/cache levels=1:2 keys_zone=bench:8m max_size=8g;
    ssl_certificate {self.certificate};
    ssl_certificate_key {self.key};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites {TLS_CIPHER};
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl http2;
        location / {{
            proxy_pass {self.upstream.base};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_cache bench;
            proxy_cache_valid 200 1h;
            proxy_cache_lock on;
        }}
    }}
}}
""")
        command = ["nginx", "-p", folder, "-c", config, "-e", "stderr"]
        server = Server("nginx", command, folder, port)
        server.tls_port = tls_port
        return server

    def varnish(self, folder):
        port = free_port()
        rules = folder / "varnish.vcl"
        rules.write_text(f"""vcl 4.1;
backend upstream {{ .host = "127.0.0.1"; .port = "{self.upstream.port}"; }}
sub vcl_backend_response {{ set beresp.ttl = 1h; }}
""")
        return Server("varnish", [
            "varnishd", "-F", "-j", "none", "-a", f"127.0.0.1:{port}", "-f", rules,
            "-n", folder / "work", "-s", "malloc,2g",
        ], folder, port)

    def verdaccio(self, folder):
        port = free_port()
        config = folder / "config.yaml"
        config.write_text(f"""storage: {folder}/storage
listen: 127.0.0.1:{port}
auth: {{}}
uplinks:
  bench:
    url: {self.upstream.base}/
    timeout: 60s
    maxage: 24h
packages:
  '**':
    access: $all
    proxy: bench
log: {{ type: stdout, format: pretty, level: error }}
web: {{ enable: false }}
""")
        script = self.tools / "verdaccio/node_modules/verdaccio/bin/verdaccio"
        server = Server("verdaccio", ["node", script, "--config", config], folder, port)
        server.is_slow = True
        return server

    def devpi(self, folder):
        port, data = free_port(), folder / "data"
        programs = self.tools / "devpi/bin"
        subprocess.run(
            [programs / "devpi-init", "--serverdir", data, "--no-root-pypi",
             "--root-passwd", "bench"], check=True, capture_output=True, cwd=folder)
        server = Server("devpi", [
            programs / "devpi-server", "--serverdir", data, "--host", "127.0.0.1",
            "--port", port, "--mirror-cache-expiry", 86_400,
        ], folder, port, "/root/bench/+simple")
        server.is_slow = True
        fetch_path, server.base = server.base, ""
        server.await_answer("/+api")
        self.make_mirror(port)
        server.base = fetch_path
        return server

    def make_mirror(self, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

        def ask(method, path, body, fields):
            fields |= {"Content-Type": "application/json", "Accept": "application/json"}
            connection.request(method, path, body=json.dumps(body), headers=fields)
            response = connection.getresponse()
            text = response.read()
            if response.status != 200:
                raise Failure(f"devpi: {method} {path} is {response.status}: {text[:200]}")
            return json.loads(text)

        token = ask("POST", "/+login", {"user": "root", "password": "bench"}, {})
        word = base64.b64encode(f"root:{token['result']['password']}".encode()).decode()
        mirror = {"type": "mirror", "volatile": False,
                  "mirror_url": f"{self.upstream.base}/simple/"}
        ask("PUT", "/root/bench", mirror, {"X-Devpi-Auth": word})
        connection.close()

    def proxpi(self, folder):
        port = free_port()
        server = Server("proxpi", [
            self.tools / "proxpi/bin/gunicorn", "--workers", 1, "--threads", 8,
            "--bind", f"127.0.0.1:{port}", "proxpi.server:app",
        ], folder, port, "/index", {
            "PROXPI_INDEX_URL": f"{self.upstream.base}/simple/", "PROXPI_INDEX_TTL": "86400",
            "PROXPI_LOGGING_LEVEL": "ERROR", "PROXPI_CACHE_DIR": str(folder / "cache"),
        })
        server.is_slow = True
        return server
