//! Days of the calendar, as dates are written in records and options: `2023-08-07`.
//!
//! All days are UTC. There are no times of day, no zones and no clock here.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A day of the years 0 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    /// The day of a moment in seconds since 1970-01-01, UTC; moments outside the years 0 to 9999
    /// count as the first or last day of them.
    pub fn of_seconds(seconds: i64) -> Self {
        let edge = if seconds < 0 { jiff::civil::date(0, 1, 1) } else { Date::MAX };
        let date = jiff::Timestamp::from_second(seconds)
            .map_or(edge, |moment| Offset::UTC.to_datetime(moment).date());
        Self(date.max(jiff::civil::date(0, 1, 1)))
    }

    /// The number of the day, 0 for 1970-01-01.
    pub fn number(self) -> i64 {
        i64::from((self.0 - jiff::civil::date(1970, 1, 1)).get_days())
    }

    /// The year.
    pub fn year(self) -> i16 {
        self.0.year()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no day: write YYYY-MM-DD");
        // The library also takes other forms, and times behind the day.
        let is_plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let date = text.parse::<Date>().ok().filter(|_| is_plain).ok_or_else(wrong)?;
        Ok(Self(date))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS_A_DAY: i64 = 86_400;

    #[test]
    fn days_read_back_as_written() {
        for number in (-719_528..=2_932_896).step_by(97) {
            let day = Day::of_seconds(number * SECONDS_A_DAY + 1);
            assert_eq!(day.number(), number);
            assert_eq!(day.to_string().parse(), Ok(day), "{number}");
        }
        assert_eq!(Day::of_seconds(0).to_string(), "1970-01-01");
        assert_eq!(Day::of_seconds(1_691_366_400).to_string(), "2023-08-07");
        assert_eq!(Day::of_seconds(-1).to_string(), "1969-12-31");
        assert_eq!(Day::of_seconds(i64::MAX).to_string(), "9999-12-31");
        assert_eq!(Day::of_seconds(i64::MIN).to_string(), "0000-01-01");
    }

    #[test]
    fn what_is_no_day_is_told() {
        for wrong in [
            "",
            "2023",
            "2023-8-7",
            "2023-02-29",
            "2023-13-01",
            "2023-04-31",
            "2023-01-0x",
            "20230407",
        ] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
        assert!("2024-02-29".parse::<Day>().is_ok());
        assert!("2024-02-29-1".parse::<Day>().is_err());
    }
}
