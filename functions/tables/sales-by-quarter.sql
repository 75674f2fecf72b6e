-- schema: ../transforms/completed-sales.sql.ts#completedSales
-- Adds up what each region sells in each quarter of an hour, and gives a quarter once it has closed.
CREATE TABLE sales_by_quarter AS
SELECT region, window_start, window_end, count(*) AS lines, sum(sales) AS sales
FROM sales
WINDOW TUMBLING (SIZE 15 MINUTES, GRACE PERIOD 5 MINUTES)
GROUP BY region
EMIT FINAL
