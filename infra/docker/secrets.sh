#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fresh secrets for docker-compose.kafka.yml, as the file `.env` beside it:
#
#     sh infra/docker/secrets.sh
#
# Compose hands them to the containers as files. An `.env` that is there is kept: the
# data in the volumes know the secrets in it.
set -eu
umask 077
cd "$(dirname "$0")/../.."

if [ -e .env ]; then
    echo ".env is there already; nothing was changed"
    exit 0
fi

secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

password=$(secret)
cat >.env <<EOF
POSTGRES_PASSWORD=$password
POSTGRES_DSN=postgresql://ingester:$password@postgres:5432/ingester
S3_ACCESS_KEY=ingester
S3_SECRET_KEY=$(secret)
EOF
echo "wrote .env, readable by you alone"
