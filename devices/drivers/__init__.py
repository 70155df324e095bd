"""Device drivers: plain Python, no Django. Read devices through this module.

pool = ConnectionPool()                                  # one per asyncio loop
model = model_load("eastron-sdm630")
readings = await device_read(connection=pool.connection(host, port), model=model, unit_id=1, timeout_s=3.0)
readings = readings_at(readings, "grid")                 # in the words of the metering point
"""

from devices.drivers.connection import Connection, ConnectionPool
from devices.drivers.errors import UnableToReach, UnableToRead, UnableToUnderstand, UnknownModel
from devices.drivers.installed import readings_at
from devices.drivers.modbus import ModbusDevice, Reading, device_read
from devices.drivers.model import Measured, Model, model_load, models_available
from devices.drivers.probe import Found, device_probe

__all__ = [
    "Connection",
    "ConnectionPool",
    "Found",
    "Measured",
    "ModbusDevice",
    "Model",
    "Reading",
    "UnableToReach",
    "UnableToRead",
    "UnableToUnderstand",
    "UnknownModel",
    "device_probe",
    "device_read",
    "model_load",
    "models_available",
    "readings_at",
]
