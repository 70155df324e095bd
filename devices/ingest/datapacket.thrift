/**
 * DataPacket, version 1: what a device read at one moment.
 *
 * The JSON form (POST /ingest/packets) has the same fields under the same names; enumeration values are
 * written there as their names in lower case. Unknown fields and unknown versions are refused, and a request
 * is stored whole or not at all.
 */
namespace py myhouse.datapacket

/** How a value came to be. Left out: measured (or simulated, where the series is a simulated one). */
enum Quality {
  MEASURED = 0,
  ESTIMATED = 1,
  SUBSTITUTED = 2,
  SUSPECT = 3,
  SIMULATED = 4
}

/** What the packet is about; decides the queue of what follows, never where a value is stored. */
enum Resource {
  ELECTRICITY = 1,
  WATER = 2,
  WEATHER = 3,
  PV = 4,
  HEAT = 5,
  GAS = 6
}

/** One value. */
struct Point {
  /** The device's own name of the point, 1 to 64 characters: bound to a measurement in the registry. */
  1: required string name,
  /** Finite. Registers and amounts of energy are never negative: each direction is a point of its own. */
  2: required double value,
  /** The unit of the value, converted where it enters: W, kW, Wh, kWh, MWh, V, A, Hz, %, l, m3, ... */
  3: required string unit,
  4: optional Quality quality
}

/** Up to 1,000 values of one device at one moment. */
struct DataPacket {
  /** 1. */
  1: required i32 version,
  /** The sender's name of the home; kept out of every decision. */
  2: required string property,
  /** When the values were read: milliseconds since 1970-01-01T00:00Z, from 2000 on, at most 5 minutes ahead. */
  3: required i64 reading_ts,
  /** The sensor's own clock, in the same unit; the time of the reading is reading_ts. */
  4: optional i64 sensor_ts,
  /** The id the device is registered with; below a gateway, of any of its devices. */
  5: required string device_id,
  6: optional Resource resource,
  7: required list<Point> points
}

/** Several packets in one request: a JSON list, or one packet per line (application/x-ndjson). */
typedef list<DataPacket> DataPackets
