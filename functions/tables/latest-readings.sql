-- schema: ../transforms/clean-readings.sql.ts#cleanReadings
-- Keeps the latest reading of each sensor.
CREATE TABLE latest_readings AS
SELECT DISTINCT ON (sensor_id) sensor_id, date, temp_max, temp_min, wind
FROM clean
ORDER BY sensor_id, date DESC
