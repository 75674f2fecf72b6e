-- schema: ./readings.ts#RawReading
-- Drops readings without a sensor id. Rejects readings with a missing or invalid value, such as "n/a" for a number.
CREATE STREAM clean AS
SELECT sensor_id, date, precipitation, temp_max, temp_min, wind, weather
FROM raw
WHERE sensor_id IS NOT NULL
PARTITION BY sensor_id
