import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Resampling(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNDEFINED: _ClassVar[Resampling]
    NEAR: _ClassVar[Resampling]
    BILINEAR: _ClassVar[Resampling]
    CUBIC: _ClassVar[Resampling]
    CUBICSPLINE: _ClassVar[Resampling]
    LANCZOS: _ClassVar[Resampling]
    AVERAGE: _ClassVar[Resampling]
    MODE: _ClassVar[Resampling]
    MAX: _ClassVar[Resampling]
    MIN: _ClassVar[Resampling]
    MED: _ClassVar[Resampling]
    Q1: _ClassVar[Resampling]
    Q3: _ClassVar[Resampling]

class ExecutionLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ExecutionSynchronous: _ClassVar[ExecutionLevel]
    ExecutionAsynchronous: _ClassVar[ExecutionLevel]
    StepByStepCritical: _ClassVar[ExecutionLevel]
    StepByStepMajor: _ClassVar[ExecutionLevel]
    StepByStepAll: _ClassVar[ExecutionLevel]
UNDEFINED: Resampling
NEAR: Resampling
BILINEAR: Resampling
CUBIC: Resampling
CUBICSPLINE: Resampling
LANCZOS: Resampling
AVERAGE: Resampling
MODE: Resampling
MAX: Resampling
MIN: Resampling
MED: Resampling
Q1: Resampling
Q3: Resampling
ExecutionSynchronous: ExecutionLevel
ExecutionAsynchronous: ExecutionLevel
StepByStepCritical: ExecutionLevel
StepByStepMajor: ExecutionLevel
StepByStepAll: ExecutionLevel

class GetVersionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetVersionResponse(_message.Message):
    __slots__ = ("Version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    Version: str
    def __init__(self, Version: _Optional[str] = ...) -> None: ...

class Coord(_message.Message):
    __slots__ = ("lon", "lat")
    LON_FIELD_NUMBER: _ClassVar[int]
    LAT_FIELD_NUMBER: _ClassVar[int]
    lon: float
    lat: float
    def __init__(self, lon: _Optional[float] = ..., lat: _Optional[float] = ...) -> None: ...

class LinearRing(_message.Message):
    __slots__ = ("points",)
    POINTS_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[Coord]
    def __init__(self, points: _Optional[_Iterable[_Union[Coord, _Mapping]]] = ...) -> None: ...

class Polygon(_message.Message):
    __slots__ = ("linearrings",)
    LINEARRINGS_FIELD_NUMBER: _ClassVar[int]
    linearrings: _containers.RepeatedCompositeFieldContainer[LinearRing]
    def __init__(self, linearrings: _Optional[_Iterable[_Union[LinearRing, _Mapping]]] = ...) -> None: ...

class AOI(_message.Message):
    __slots__ = ("polygons",)
    POLYGONS_FIELD_NUMBER: _ClassVar[int]
    polygons: _containers.RepeatedCompositeFieldContainer[Polygon]
    def __init__(self, polygons: _Optional[_Iterable[_Union[Polygon, _Mapping]]] = ...) -> None: ...

class CreateAOIRequest(_message.Message):
    __slots__ = ("aoi",)
    AOI_FIELD_NUMBER: _ClassVar[int]
    aoi: AOI
    def __init__(self, aoi: _Optional[_Union[AOI, _Mapping]] = ...) -> None: ...

class CreateAOIResponse(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetAOIRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetAOIResponse(_message.Message):
    __slots__ = ("aoi",)
    AOI_FIELD_NUMBER: _ClassVar[int]
    aoi: AOI
    def __init__(self, aoi: _Optional[_Union[AOI, _Mapping]] = ...) -> None: ...

class Record(_message.Message):
    __slots__ = ("id", "name", "time", "tags", "aoi_id", "aoi")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    AOI_ID_FIELD_NUMBER: _ClassVar[int]
    AOI_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    time: _timestamp_pb2.Timestamp
    tags: _containers.ScalarMap[str, str]
    aoi_id: str
    aoi: AOI
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., aoi_id: _Optional[str] = ..., aoi: _Optional[_Union[AOI, _Mapping]] = ...) -> None: ...

class NewRecord(_message.Message):
    __slots__ = ("name", "time", "tags", "aoi_id")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    AOI_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    time: _timestamp_pb2.Timestamp
    tags: _containers.ScalarMap[str, str]
    aoi_id: str
    def __init__(self, name: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., aoi_id: _Optional[str] = ...) -> None: ...

class RecordIdList(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RecordFilters(_message.Message):
    __slots__ = ("tags", "from_time", "to_time")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TAGS_FIELD_NUMBER: _ClassVar[int]
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    TO_TIME_FIELD_NUMBER: _ClassVar[int]
    tags: _containers.ScalarMap[str, str]
    from_time: _timestamp_pb2.Timestamp
    to_time: _timestamp_pb2.Timestamp
    def __init__(self, tags: _Optional[_Mapping[str, str]] = ..., from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., to_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateRecordsRequest(_message.Message):
    __slots__ = ("records",)
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[NewRecord]
    def __init__(self, records: _Optional[_Iterable[_Union[NewRecord, _Mapping]]] = ...) -> None: ...

class CreateRecordsResponse(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetRecordsRequest(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetRecordsResponseItem(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: Record
    def __init__(self, record: _Optional[_Union[Record, _Mapping]] = ...) -> None: ...

class ListRecordsRequest(_message.Message):
    __slots__ = ("name", "tags", "from_time", "to_time", "limit", "page", "aoi", "with_aoi")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    FROM_TIME_FIELD_NUMBER: _ClassVar[int]
    TO_TIME_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    AOI_FIELD_NUMBER: _ClassVar[int]
    WITH_AOI_FIELD_NUMBER: _ClassVar[int]
    name: str
    tags: _containers.ScalarMap[str, str]
    from_time: _timestamp_pb2.Timestamp
    to_time: _timestamp_pb2.Timestamp
    limit: int
    page: int
    aoi: AOI
    with_aoi: bool
    def __init__(self, name: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., from_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., to_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., limit: _Optional[int] = ..., page: _Optional[int] = ..., aoi: _Optional[_Union[AOI, _Mapping]] = ..., with_aoi: _Optional[bool] = ...) -> None: ...

class ListRecordsResponseItem(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: Record
    def __init__(self, record: _Optional[_Union[Record, _Mapping]] = ...) -> None: ...

class AddRecordsTagsRequest(_message.Message):
    __slots__ = ("ids", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    IDS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.ScalarMap[str, str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AddRecordsTagsResponse(_message.Message):
    __slots__ = ("nb",)
    NB_FIELD_NUMBER: _ClassVar[int]
    nb: int
    def __init__(self, nb: _Optional[int] = ...) -> None: ...

class RemoveRecordsTagsRequest(_message.Message):
    __slots__ = ("ids", "tagsKey")
    IDS_FIELD_NUMBER: _ClassVar[int]
    TAGSKEY_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    tagsKey: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., tagsKey: _Optional[_Iterable[str]] = ...) -> None: ...

class RemoveRecordsTagsResponse(_message.Message):
    __slots__ = ("nb",)
    NB_FIELD_NUMBER: _ClassVar[int]
    nb: int
    def __init__(self, nb: _Optional[int] = ...) -> None: ...

class DeleteRecordsRequest(_message.Message):
    __slots__ = ("ids", "no_fail")
    IDS_FIELD_NUMBER: _ClassVar[int]
    NO_FAIL_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    no_fail: bool
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., no_fail: _Optional[bool] = ...) -> None: ...

class DeleteRecordsResponse(_message.Message):
    __slots__ = ("nb",)
    NB_FIELD_NUMBER: _ClassVar[int]
    nb: int
    def __init__(self, nb: _Optional[int] = ...) -> None: ...

class DataFormat(_message.Message):
    __slots__ = ("dtype", "no_data", "min_value", "max_value")
    class Dtype(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNDEFINED: _ClassVar[DataFormat.Dtype]
        UInt8: _ClassVar[DataFormat.Dtype]
        UInt16: _ClassVar[DataFormat.Dtype]
        UInt32: _ClassVar[DataFormat.Dtype]
        Int8: _ClassVar[DataFormat.Dtype]
        Int16: _ClassVar[DataFormat.Dtype]
        Int32: _ClassVar[DataFormat.Dtype]
        Float32: _ClassVar[DataFormat.Dtype]
        Float64: _ClassVar[DataFormat.Dtype]
        Complex64: _ClassVar[DataFormat.Dtype]
    UNDEFINED: DataFormat.Dtype
    UInt8: DataFormat.Dtype
    UInt16: DataFormat.Dtype
    UInt32: DataFormat.Dtype
    Int8: DataFormat.Dtype
    Int16: DataFormat.Dtype
    Int32: DataFormat.Dtype
    Float32: DataFormat.Dtype
    Float64: DataFormat.Dtype
    Complex64: DataFormat.Dtype
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    NO_DATA_FIELD_NUMBER: _ClassVar[int]
    MIN_VALUE_FIELD_NUMBER: _ClassVar[int]
    MAX_VALUE_FIELD_NUMBER: _ClassVar[int]
    dtype: DataFormat.Dtype
    no_data: float
    min_value: float
    max_value: float
    def __init__(self, dtype: _Optional[_Union[DataFormat.Dtype, str]] = ..., no_data: _Optional[float] = ..., min_value: _Optional[float] = ..., max_value: _Optional[float] = ...) -> None: ...

class Instance(_message.Message):
    __slots__ = ("id", "name", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Variable(_message.Message):
    __slots__ = ("id", "name", "unit", "description", "dformat", "bands", "palette", "resampling_alg", "instances")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DFORMAT_FIELD_NUMBER: _ClassVar[int]
    BANDS_FIELD_NUMBER: _ClassVar[int]
    PALETTE_FIELD_NUMBER: _ClassVar[int]
    RESAMPLING_ALG_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    unit: str
    description: str
    dformat: DataFormat
    bands: _containers.RepeatedScalarFieldContainer[str]
    palette: str
    resampling_alg: Resampling
    instances: _containers.RepeatedCompositeFieldContainer[Instance]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., unit: _Optional[str] = ..., description: _Optional[str] = ..., dformat: _Optional[_Union[DataFormat, _Mapping]] = ..., bands: _Optional[_Iterable[str]] = ..., palette: _Optional[str] = ..., resampling_alg: _Optional[_Union[Resampling, str]] = ..., instances: _Optional[_Iterable[_Union[Instance, _Mapping]]] = ...) -> None: ...

class CreateVariableRequest(_message.Message):
    __slots__ = ("variable",)
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    variable: Variable
    def __init__(self, variable: _Optional[_Union[Variable, _Mapping]] = ...) -> None: ...

class CreateVariableResponse(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class InstantiateVariableRequest(_message.Message):
    __slots__ = ("variable_id", "instance_name", "instance_metadata")
    class InstanceMetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VARIABLE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_NAME_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_METADATA_FIELD_NUMBER: _ClassVar[int]
    variable_id: str
    instance_name: str
    instance_metadata: _containers.ScalarMap[str, str]
    def __init__(self, variable_id: _Optional[str] = ..., instance_name: _Optional[str] = ..., instance_metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class InstantiateVariableResponse(_message.Message):
    __slots__ = ("instance",)
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    instance: Instance
    def __init__(self, instance: _Optional[_Union[Instance, _Mapping]] = ...) -> None: ...

class GetVariableRequest(_message.Message):
    __slots__ = ("id", "name", "instance_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    instance_id: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., instance_id: _Optional[str] = ...) -> None: ...

class GetVariableResponse(_message.Message):
    __slots__ = ("variable",)
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    variable: Variable
    def __init__(self, variable: _Optional[_Union[Variable, _Mapping]] = ...) -> None: ...

class ListVariablesRequest(_message.Message):
    __slots__ = ("name", "limit", "page")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    limit: int
    page: int
    def __init__(self, name: _Optional[str] = ..., limit: _Optional[int] = ..., page: _Optional[int] = ...) -> None: ...

class ListVariablesResponseItem(_message.Message):
    __slots__ = ("variable",)
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    variable: Variable
    def __init__(self, variable: _Optional[_Union[Variable, _Mapping]] = ...) -> None: ...

class Dataset(_message.Message):
    __slots__ = ("record_id", "instance_id", "container_subdir", "bands", "dformat", "real_min_value", "real_max_value", "exponent")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_SUBDIR_FIELD_NUMBER: _ClassVar[int]
    BANDS_FIELD_NUMBER: _ClassVar[int]
    DFORMAT_FIELD_NUMBER: _ClassVar[int]
    REAL_MIN_VALUE_FIELD_NUMBER: _ClassVar[int]
    REAL_MAX_VALUE_FIELD_NUMBER: _ClassVar[int]
    EXPONENT_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    instance_id: str
    container_subdir: str
    bands: _containers.RepeatedScalarFieldContainer[int]
    dformat: DataFormat
    real_min_value: float
    real_max_value: float
    exponent: float
    def __init__(self, record_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., container_subdir: _Optional[str] = ..., bands: _Optional[_Iterable[int]] = ..., dformat: _Optional[_Union[DataFormat, _Mapping]] = ..., real_min_value: _Optional[float] = ..., real_max_value: _Optional[float] = ..., exponent: _Optional[float] = ...) -> None: ...

class Container(_message.Message):
    __slots__ = ("uri", "managed", "datasets")
    URI_FIELD_NUMBER: _ClassVar[int]
    MANAGED_FIELD_NUMBER: _ClassVar[int]
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    uri: str
    managed: bool
    datasets: _containers.RepeatedCompositeFieldContainer[Dataset]
    def __init__(self, uri: _Optional[str] = ..., managed: _Optional[bool] = ..., datasets: _Optional[_Iterable[_Union[Dataset, _Mapping]]] = ...) -> None: ...

class IndexDatasetsRequest(_message.Message):
    __slots__ = ("container",)
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    container: Container
    def __init__(self, container: _Optional[_Union[Container, _Mapping]] = ...) -> None: ...

class IndexDatasetsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetContainersRequest(_message.Message):
    __slots__ = ("uris",)
    URIS_FIELD_NUMBER: _ClassVar[int]
    uris: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, uris: _Optional[_Iterable[str]] = ...) -> None: ...

class GetContainersResponse(_message.Message):
    __slots__ = ("containers",)
    CONTAINERS_FIELD_NUMBER: _ClassVar[int]
    containers: _containers.RepeatedCompositeFieldContainer[Container]
    def __init__(self, containers: _Optional[_Iterable[_Union[Container, _Mapping]]] = ...) -> None: ...

class InternalMeta(_message.Message):
    __slots__ = ("container_uri", "container_subdir", "bands", "dformat", "range_min", "range_max", "exponent")
    CONTAINER_URI_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_SUBDIR_FIELD_NUMBER: _ClassVar[int]
    BANDS_FIELD_NUMBER: _ClassVar[int]
    DFORMAT_FIELD_NUMBER: _ClassVar[int]
    RANGE_MIN_FIELD_NUMBER: _ClassVar[int]
    RANGE_MAX_FIELD_NUMBER: _ClassVar[int]
    EXPONENT_FIELD_NUMBER: _ClassVar[int]
    container_uri: str
    container_subdir: str
    bands: _containers.RepeatedScalarFieldContainer[int]
    dformat: DataFormat
    range_min: float
    range_max: float
    exponent: float
    def __init__(self, container_uri: _Optional[str] = ..., container_subdir: _Optional[str] = ..., bands: _Optional[_Iterable[int]] = ..., dformat: _Optional[_Union[DataFormat, _Mapping]] = ..., range_min: _Optional[float] = ..., range_max: _Optional[float] = ..., exponent: _Optional[float] = ...) -> None: ...

class DatasetMeta(_message.Message):
    __slots__ = ("internalsMeta",)
    INTERNALSMETA_FIELD_NUMBER: _ClassVar[int]
    internalsMeta: _containers.RepeatedCompositeFieldContainer[InternalMeta]
    def __init__(self, internalsMeta: _Optional[_Iterable[_Union[InternalMeta, _Mapping]]] = ...) -> None: ...

class ListDatasetsRequest(_message.Message):
    __slots__ = ("instance_id", "records", "filters")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    records: RecordIdList
    filters: RecordFilters
    def __init__(self, instance_id: _Optional[str] = ..., records: _Optional[_Union[RecordIdList, _Mapping]] = ..., filters: _Optional[_Union[RecordFilters, _Mapping]] = ...) -> None: ...

class ListDatasetsResponse(_message.Message):
    __slots__ = ("records", "dataset_metas")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    DATASET_METAS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[Record]
    dataset_metas: _containers.RepeatedCompositeFieldContainer[DatasetMeta]
    def __init__(self, records: _Optional[_Iterable[_Union[Record, _Mapping]]] = ..., dataset_metas: _Optional[_Iterable[_Union[DatasetMeta, _Mapping]]] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("id", "name", "type", "state", "creation_time", "last_update_time", "logs", "active_tasks", "failed_tasks", "execution_level", "waiting")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATION_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_TASKS_FIELD_NUMBER: _ClassVar[int]
    FAILED_TASKS_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_LEVEL_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    type: str
    state: str
    creation_time: _timestamp_pb2.Timestamp
    last_update_time: _timestamp_pb2.Timestamp
    logs: _containers.RepeatedScalarFieldContainer[str]
    active_tasks: int
    failed_tasks: int
    execution_level: ExecutionLevel
    waiting: bool
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., state: _Optional[str] = ..., creation_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., logs: _Optional[_Iterable[str]] = ..., active_tasks: _Optional[int] = ..., failed_tasks: _Optional[int] = ..., execution_level: _Optional[_Union[ExecutionLevel, str]] = ..., waiting: _Optional[bool] = ...) -> None: ...

class DeleteDatasetsRequest(_message.Message):
    __slots__ = ("record_ids", "instance_ids", "execution_level", "job_name", "dataset_patterns")
    RECORD_IDS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_LEVEL_FIELD_NUMBER: _ClassVar[int]
    JOB_NAME_FIELD_NUMBER: _ClassVar[int]
    DATASET_PATTERNS_FIELD_NUMBER: _ClassVar[int]
    record_ids: _containers.RepeatedScalarFieldContainer[str]
    instance_ids: _containers.RepeatedScalarFieldContainer[str]
    execution_level: ExecutionLevel
    job_name: str
    dataset_patterns: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, record_ids: _Optional[_Iterable[str]] = ..., instance_ids: _Optional[_Iterable[str]] = ..., execution_level: _Optional[_Union[ExecutionLevel, str]] = ..., job_name: _Optional[str] = ..., dataset_patterns: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteDatasetsResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("id", "log_page", "log_limit")
    ID_FIELD_NUMBER: _ClassVar[int]
    LOG_PAGE_FIELD_NUMBER: _ClassVar[int]
    LOG_LIMIT_FIELD_NUMBER: _ClassVar[int]
    id: str
    log_page: int
    log_limit: int
    def __init__(self, id: _Optional[str] = ..., log_page: _Optional[int] = ..., log_limit: _Optional[int] = ...) -> None: ...

class GetJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...
