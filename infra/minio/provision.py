# SPDX-License-Identifier: Apache-2.0
"""The bucket of the layers, and what it throws away by itself."""

from collections.abc import Mapping

from minio.commonconfig import ENABLED, Filter
from minio.error import S3Error
from minio.lifecycleconfig import (
    AbortIncompleteMultipartUpload,
    LifecycleConfig,
    Rule,
)

from infra.minio.client import border, connect

# Parts of uploads whose worker died; a large upload takes hours, not days.
_ABANDONED_DAYS = 7

# MinIO takes no rule for abandoned uploads: it removes them by itself, after a day.
_NO_SUCH_RULE = frozenset({"InvalidArgument", "NotImplemented"})

_THERE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


def provision_bucket(bucket: str, options: Mapping[str, str]) -> None:
    """Make the bucket if it is not there, and have abandoned uploads removed.

    Can be called again, also by several at once.

    Args:
        bucket: name.
        options: of the store, as of `connect`.

    Raises:
        StoreError: the store refuses.
        StoreUnavailable: it does not answer.
    """
    client = connect(options)
    with border(f"s3://{bucket}"):
        if not client.bucket_exists(bucket):
            try:
                client.make_bucket(bucket)
            except S3Error as error:
                if error.code not in _THERE:
                    raise
        rule = Rule(
            ENABLED,
            rule_filter=Filter(prefix=""),
            rule_id="abandoned-uploads",
            abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(
                days_after_initiation=_ABANDONED_DAYS
            ),
        )
        try:
            client.set_bucket_lifecycle(bucket, LifecycleConfig([rule]))
        except S3Error as error:
            if error.code not in _NO_SUCH_RULE:
                raise
