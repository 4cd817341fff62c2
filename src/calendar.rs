//! Days of the Gregorian calendar, as dates are written in records and options: `2023-08-07`.
//!
//! All days are UTC. There are no times of day, no zones and no clock here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const SECONDS_A_DAY: i64 = 86_400;

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// The day of a moment in seconds since 1970-01-01, UTC; moments outside the years 0 to 9999
    /// count as the first or last day of them.
    pub fn of_seconds(seconds: i64) -> Self {
        let (first, last) = (Self::from_date(0, 1, 1), Self::from_date(9999, 12, 31));
        Self(seconds.div_euclid(SECONDS_A_DAY).clamp(first.0, last.0))
    }

    /// The number of the day, 0 for 1970-01-01.
    pub fn number(self) -> i64 {
        self.0
    }

    /// Year, month (1 to 12) and day of the month (1 to 31).
    ///
    /// After Howard Hinnant, "chrono-compatible low-level date algorithms" (`civil_from_days`):
    /// years begin in March, so that the leap day is the last.
    pub fn date(self) -> (i64, u32, u32) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month as u32, day as u32)
    }

    /// The inverse of [`Day::date`] (`days_from_civil` of the same source).
    fn from_date(year: i64, month: u32, day: u32) -> Self {
        let year = year - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted = (i64::from(month) + 9) % 12;
        let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * 146_097 + day_of_era - 719_468)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        f.pad(&format!("{year:04}-{month:02}-{day:02}"))
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no day: write YYYY-MM-DD");
        let mut parts = text.split('-');
        let mut part = |digits: usize| {
            let part = parts.next().filter(|p| p.len() == digits)?;
            part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u32>().ok())?
        };
        let (year, month, day) = (part(4), part(2), part(2));
        let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else {
            return Err(wrong());
        };
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(wrong());
        }
        let found = Self::from_date(i64::from(year), month, day);
        // The 31st of April is the 1st of May.
        if found.date() == (i64::from(year), month, day) { Ok(found) } else { Err(wrong()) }
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

    #[test]
    fn days_read_back_as_written() {
        for number in (-719_528..=2_932_896).step_by(97) {
            let day = Day(number);
            assert_eq!(day.to_string().parse(), Ok(day), "{number}");
        }
        assert_eq!(Day(0).to_string(), "1970-01-01");
        assert_eq!(Day::of_seconds(1_691_366_400).to_string(), "2023-08-07");
        assert_eq!(Day::of_seconds(-1).to_string(), "1969-12-31");
        assert_eq!(Day::of_seconds(i64::MAX).to_string(), "9999-12-31");
        assert_eq!(Day::of_seconds(i64::MIN).to_string(), "0000-01-01");
    }

    #[test]
    fn what_is_no_day_is_told() {
        for wrong in
            ["", "2023", "2023-8-7", "2023-02-29", "2023-13-01", "2023-04-31", "2023-01-0x"]
        {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
        assert!("2024-02-29".parse::<Day>().is_ok());
        assert!("2024-02-29-1".parse::<Day>().is_err());
    }
}
