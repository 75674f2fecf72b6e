-- schema: ./readings.ts#RawReading
-- Drops readings that no sensor sent; one whose values are not what they should be is refused.
CREATE STREAM clean AS
SELECT sensor_id, date, precipitation, temp_max, temp_min, wind, weather
FROM raw
WHERE sensor_id IS NOT NULL
PARTITION BY sensor_id
