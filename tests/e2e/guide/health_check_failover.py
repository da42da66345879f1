# health_check_failover.py
# This script checks the primary backend health endpoint every 30 seconds.
# If the primary is down, it writes a collector config that routes to the
# secondary and sends SIGHUP to the collector to reload configuration.

import requests
import time
import os
import signal
import shutil

PRIMARY_HEALTH_URL = "https://primary-backend.example.com/health"
COLLECTOR_PID_FILE = "/var/run/otelcol/pid"
CONFIG_PRIMARY = "/etc/otelcol/config-primary.yaml"
CONFIG_SECONDARY = "/etc/otelcol/config-secondary.yaml"
CONFIG_ACTIVE = "/etc/otelcol/config.yaml"

def check_primary_health():
    try:
        resp = requests.get(PRIMARY_HEALTH_URL, timeout=5)
        return resp.status_code == 200
    except requests.RequestException:
        return False

def reload_collector():
    with open(COLLECTOR_PID_FILE, 'r') as f:
        pid = int(f.read().strip())
    os.kill(pid, signal.SIGHUP)

def switch_config(config_source):
    shutil.copy2(config_source, CONFIG_ACTIVE)
    reload_collector()

current_mode = "primary"
consecutive_failures = 0

while True:
    healthy = check_primary_health()

    if healthy and current_mode == "secondary":
        print("Primary is back. Switching to primary config.")
        switch_config(CONFIG_PRIMARY)
        current_mode = "primary"
        consecutive_failures = 0
    elif not healthy:
        consecutive_failures += 1
        # Wait for 3 consecutive failures before switching
        if consecutive_failures >= 3 and current_mode == "primary":
            print("Primary down. Switching to secondary config.")
            switch_config(CONFIG_SECONDARY)
            current_mode = "secondary"

    time.sleep(30)
