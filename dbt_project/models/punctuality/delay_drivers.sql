-- Delay under conditions that may drive it, together, so that like is compared with like.
-- The first weather condition that holds is the one that counts, the gravest first.
with departures as (

    select
        scheduled_departure_hour,
        is_cancelled,
        departure_delay_minutes,
        case
            when coalesce(precipitation_inches, visibility_miles, wind_speed_mph) is null
                then 'unknown'
            when precipitation_inches > 0 and temperature_f <= 32 then 'snow or ice'
            when precipitation_inches > 0 then 'rain'
            when visibility_miles < 3 then 'low visibility'
            when wind_speed_mph >= 25 or wind_gust_mph >= 35 then 'strong wind'
            else 'fair'
        end as weather_condition,
        year(flight_date) - aircraft_manufactured_year as aircraft_age_years
    from {{ source('punctuality', 'departures_v1') }}

),

banded as (

    select
        *,
        case
            when aircraft_age_years is null or aircraft_age_years < 0 then 'unknown'
            when aircraft_age_years < 5 then '0 to 4 years'
            when aircraft_age_years < 10 then '5 to 9 years'
            when aircraft_age_years < 15 then '10 to 14 years'
            when aircraft_age_years < 20 then '15 to 19 years'
            else '20 years and more'
        end as aircraft_age_band
    from departures

)

select
    weather_condition,
    aircraft_age_band,
    scheduled_departure_hour,
    count(*) as scheduled_departures,
    count(*) filter (where is_cancelled) as cancelled_departures,
    count(departure_delay_minutes) as departures,
    avg(departure_delay_minutes) as mean_delay_minutes,
    median(departure_delay_minutes) as median_delay_minutes,
    quantile_cont(departure_delay_minutes, 0.9) as p90_delay_minutes,
    count(*) filter (where departure_delay_minutes >= 15)
    / nullif(count(departure_delay_minutes), 0) as late_share
from banded
group by weather_condition, aircraft_age_band, scheduled_departure_hour
order by weather_condition, aircraft_age_band, scheduled_departure_hour
