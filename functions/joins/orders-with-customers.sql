-- schema orders: ../transforms/order-events.ts#Order
-- schema customers: ../transforms/customers.ts#Customer
-- Each order with its customer as it stands. An order whose customer is not known yet has no name and no city.
CREATE STREAM orders_with_customers AS
SELECT o.order_id, o.status, o.sales, c.name, c.city, c.segment
FROM orders AS o
LEFT JOIN customers AS c ON c.customer_id = o.customer_id
