-- schema orders: ../transforms/order-events.ts#Order
-- schema customers: ../transforms/customers.ts#Customer
-- key orders: order_id
-- The latest row of each order, with its customer as it is by now: it changes when either of them does.
CREATE TABLE named_orders AS
SELECT o.order_id, o.status, o.sales, c.name, c.city
FROM orders AS o
LEFT JOIN customers AS c ON c.customer_id = o.customer_id
