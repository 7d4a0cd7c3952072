# SPDX-License-Identifier: Apache-2.0
"""Any S3: MinIO, SeaweedFS, AWS and their kin, through the `minio` client."""
