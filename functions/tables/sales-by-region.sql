-- schema: ../transforms/completed-sales.sql.ts#completedSales
-- Adds up what each region sells, by category.
CREATE TABLE sales_by_region AS
SELECT region, category, count(*) AS lines, sum(sales) AS sales,
       round(avg(profit), 2) AS mean_profit, max(sales) AS largest
FROM sales
GROUP BY region, category
