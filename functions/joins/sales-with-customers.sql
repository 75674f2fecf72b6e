-- schema sales: ../transforms/shop-events.ts#Sale
-- schema customers: ../transforms/shop-events.ts#ShopCustomer
-- Each sold line of an order with its customer as it stands.
CREATE STREAM sales_with_customers AS
SELECT s.row_id, s.order_id, s.region, s.sales, c.name, c.segment
FROM sales AS s
LEFT JOIN customers AS c ON c.customer_id = s.customer_id
