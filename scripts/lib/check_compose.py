"""Checks a compose file: against the Compose Specification's schema, and that what it names exists.

Usage: check_compose.py SCHEMA COMPOSE-FILE
"""

import json
import re
import sys

import jsonschema
import yaml


def interpolate(value):
    """What Compose does with ${NAME:-default} and ${NAME:?message} before it validates."""
    if isinstance(value, dict):
        return {key: interpolate(item) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"\$\{\w+(?::?-([^}]*)|:?\?[^}]*)?\}", lambda m: m.group(1) or "x", value)
    return value


def main():
    with open(sys.argv[1]) as file:
        schema = json.load(file)
    with open(sys.argv[2]) as file:
        compose = interpolate(yaml.safe_load(file))
    checker = jsonschema.Draft7Validator(schema)
    problems = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in checker.iter_errors(compose)]

    services = compose.get("services", {})
    volumes = set(compose.get("volumes", {}))
    published = {}
    for name, service in services.items():
        for needed in service.get("depends_on", {}):
            if needed not in services:
                problems.append(f"services/{name}/depends_on: there is no service {needed}")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if not source.startswith((".", "/")) and source not in volumes:
                problems.append(f"services/{name}/volumes: there is no volume {source}")
        for port in service.get("ports", []):
            other = published.setdefault(port.rsplit(":", 1)[0], name)
            if other != name:
                problems.append(f"services/{name}/ports: {port} is published by {other}, too")
    # a schema that accepts anything proves nothing
    if checker.is_valid({"services": {"x": {"no-such-key": 1}}}):
        problems.append("the schema accepts an unknown key: it is not the one that was expected")
    count = {role: sum(name.startswith(role + "-") for name in services) for role in ("controller", "compute")}
    if count != {"controller": 3, "compute": 2} or "postgres" not in services:
        problems.append(f"3 controllers, 2 compute hosts and a postgres were expected, not {sorted(services)}")

    for problem in problems:
        print(f"  {problem}", file=sys.stderr)
    if not problems:
        print(f"  valid: {', '.join(services)}")
    return 1 if problems else 0


sys.exit(main())
