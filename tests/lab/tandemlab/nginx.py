# SPDX-License-Identifier: Apache-2.0
"""A node's own Nginx: /health for the checks, and a page that tells which node answered."""

from .process import Process
from .shell import PATIENCE, wait_until

CONFIG = """\
daemon off;
user root;
worker_processes 1;
pid /run/nginx/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type text/plain;
    client_body_temp_path /run/nginx/body;
    proxy_temp_path /run/nginx/proxy;
    fastcgi_temp_path /run/nginx/fastcgi;
    uwsgi_temp_path /run/nginx/uwsgi;
    scgi_temp_path /run/nginx/scgi;
    server {{
        listen 127.0.0.1:10080;
        location = /health {{ return 200 "ok\\n"; }}
        location = /nginx_status {{ stub_status; }}
    }}
    server {{
        listen 80;
        listen [::]:80;
        keepalive_timeout 600s;
        location / {{ return 200 "node {node}\\n"; }}
        location /echo {{ return 200 "node {node} $request_uri\\n"; }}
        location /data {{ root /run/nginx; limit_rate 1m; }}
    }}
}}
"""


class Nginx:
    def __init__(self, lab, node):
        self.lab, self.node = lab, node
        (lab.run_dir(node) / "nginx" / "nginx.conf").write_text(CONFIG.format(node=node))
        self.start()

    def start(self):
        self.process = Process(self.lab, self.node, "nginx", [
            "nginx", "-p", "/run/nginx", "-e", "stderr", "-c", "/run/nginx/nginx.conf"])
        wait_until(f"Nginx answers on {self.node}",
                   lambda: get(self.lab, self.node, "http://127.0.0.1:10080/health") == "ok")

    def stop(self):
        return self.process.stop()


def get(lab, node, url, timeout=1):
    """The body of an HTTP answer fetched from inside a node, stripped; None without an answer."""
    done = lab.exec(node, "curl", "-s", "-f", "-g", "--noproxy", "*", "--max-time", timeout * PATIENCE, url,
                    check=False)
    return done.stdout.strip() if done.returncode == 0 else None
