-- schema: ./order-events.ts#Order
CREATE STREAM completed AS
SELECT * FROM orders WHERE status = 'COMPLETE'
