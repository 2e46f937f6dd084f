-- Every scheduled flight is counted in one row, and only once.
select
    counted.flights as counted_flights,
    departures.flights as scheduled_flights
from (select sum(scheduled_departures) as flights from {{ ref('delay_drivers') }}) as counted
cross join
    (select count(*) as flights from {{ source('punctuality', 'departures_v1') }}) as departures
where counted.flights is distinct from departures.flights
