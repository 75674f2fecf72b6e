-- schema ratings: ../transforms/shop-events.ts#Rating
-- schema customers: ../transforms/shop-events.ts#ShopCustomer
-- Bad ratings by the best customers: somebody should call them.
CREATE STREAM alerts AS
SELECT r.rating_id, c.name, c.spent, r.stars, r.product
FROM ratings AS r
JOIN customers AS c ON c.customer_id = r.customer_id
WHERE r.stars <= 2 AND c.spent >= 5000
