"""Boots a server by a cast, as a service of the classic bus would, with the unmodified oslo.messaging.

Usage: oslo_boot.py OSLO_CONF PROJECT_ID IMAGE_ID NAME; prints the server's id.
"""

import sys
import uuid

import oslo_messaging
from oslo_config import cfg


def main():
    conf_file, project, image, name = sys.argv[1:]
    cfg.CONF(["--config-file", conf_file])
    transport = oslo_messaging.get_rpc_transport(cfg.CONF)
    target = oslo_messaging.Target(topic="scheduler", version="2.0")
    client = oslo_messaging.get_rpc_client(transport, target)
    context = {
        "request_id": "req-" + str(uuid.uuid4()),
        "project_id": project,
        "user_id": "oslo",
        "is_admin": True,
    }
    # someone is there: a cast to nobody would be silent (ping is of the base API, whose version is 1)
    assert client.prepare(version="1.0").call(context, "ping", arg=name) == {"service": "scheduler", "arg": name}
    server = str(uuid.uuid4())
    client.prepare(version="2.9").cast(
        context,
        "run_instance",
        request_spec={
            "image": {"id": image},
            "instance_properties": {
                "uuid": server,
                "project_id": project,
                "user_id": "oslo",
                "display_name": name,
                "image_ref": image,
                "reservation_id": "r-oslo",
            },
            "instance_type": {
                "flavorid": "1",
                "name": "m1.tiny",
                "memory_mb": 256,
                "vcpus": 1,
                "root_gb": 1,
                "ephemeral_gb": 0,
                "swap": 0,
                "extra_specs": {},
            },
            "instance_uuids": [server],
        },
        admin_password=None,
        injected_files=[],
        requested_networks=None,
        is_first_time=True,
        filter_properties={},
    )
    print(server)


main()
