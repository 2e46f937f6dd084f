-- A departure is on time when it leaves the gate less than 15 minutes behind schedule.
-- A cancelled flight is counted, and is neither on time nor late: it has no delay.
with departures as (

    select
        flight_date,
        origin,
        carrier_code,
        carrier_name,
        is_cancelled,
        departure_delay_minutes
    from {{ source('punctuality', 'departures_v1') }}

),

daily as (

    select
        flight_date,
        origin,
        carrier_code,
        max(carrier_name) as carrier_name,
        count(*) as scheduled_departures,
        count(*) filter (where is_cancelled) as cancelled_departures,
        count(departure_delay_minutes) as departures,
        count(*) filter (where departure_delay_minutes < 15) as on_time_departures,
        median(departure_delay_minutes) as median_delay_minutes
    from departures
    group by flight_date, origin, carrier_code

)

select
    flight_date,
    origin,
    carrier_code,
    carrier_name,
    scheduled_departures,
    cancelled_departures,
    departures,
    on_time_departures,
    on_time_departures / nullif(departures, 0) as on_time_share,
    median_delay_minutes
from daily
order by flight_date, origin, carrier_code
