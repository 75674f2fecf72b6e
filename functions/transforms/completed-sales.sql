-- schema: ./order-events.ts#Order
-- Keys completed order lines by region, so that one shard has all sales of a region.
CREATE STREAM sales AS
SELECT row_id, region, category, sales, profit
FROM orders
WHERE status = 'COMPLETE'
PARTITION BY region
