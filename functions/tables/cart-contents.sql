-- schema: ./basket.ts#CartEvent
-- Keeps what is in each customer's basket now: the same as basket.ts, in SQL.
CREATE TABLE cart_contents AS
SELECT customer_id, item, max(time) AS changed,
       sum(CASE type WHEN 'item.removed' THEN -quantity ELSE quantity END) AS quantity
FROM cart
GROUP BY customer_id, item
HAVING sum(CASE type WHEN 'item.removed' THEN -quantity ELSE quantity END) > 0
