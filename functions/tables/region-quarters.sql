-- schema: ../transforms/shop-events.ts#Sale
-- Adds up what each region sells in each quarter of an hour, and shows a quarter from its first sale on.
CREATE TABLE region_quarters AS
SELECT region, window_start, window_end, count(*) AS lines, sum(sales) AS sales
FROM sales
WINDOW TUMBLING (SIZE 15 MINUTES)
GROUP BY region
EMIT CHANGES
