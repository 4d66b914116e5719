-- A database in memory: rows, indices, groups, a join, text. ROWS stands for their number.
create table customer(id integer primary key, name text, city text);
create table sale(id integer primary key, customer integer, amount integer, note text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < ROWS / 10)
insert into customer select i, printf('customer %d', i * 7919 % 10007), printf('city %d', i % 97) from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < ROWS)
insert into sale
select i, 1 + i * 7919 % (ROWS / 10), i * 31 % 1009, printf('%.*c note %d', i % 60, 'x', i) from n;
create index sale_customer on sale(customer, amount);
create index sale_note on sale(note);
select city, count(*), sum(amount) from sale join customer on customer.id = sale.customer
group by city order by 3 desc limit 5;
select length(group_concat(note, ',')) from sale where amount % 3 = 0;
update sale set note = upper(note) || id where amount < 300;
delete from sale where amount > 900;
select count(distinct note), max(length(note)) from sale;
