//! The names of kinds in files that outlive this program: they never change.

use super::Kind;

impl Kind {
    /// The kind's name in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markup => "markup",
            Self::YesNo => "yesNo",
            Self::Integer => "integer",
            Self::Percent => "percent",
            Self::Number => "number",
            Self::Amount => "amount",
            Self::Status => "status",
            Self::Stage => "stage",
            Self::Category => "category",
            Self::Currency => "currency",
            Self::User => "user",
            Self::Users => "users",
            Self::Link => "link",
            Self::Links => "links",
            Self::Integers => "integers",
            Self::Date => "date",
            Self::DateTime => "dateTime",
            Self::Picture => "picture",
            Self::Multifield => "multifield",
            Self::Choice => "choice",
            Self::Money => "money",
            Self::CrmLink => "crmLink",
            Self::File => "file",
            Self::Any => "any",
        }
    }

    /// The kind with that name in a file; any other name is that of a kind of a later version, of
    /// whose values nothing is known.
    pub fn named(name: &str) -> Self {
        const KINDS: [Kind; 24] = [
            Kind::Text,
            Kind::Markup,
            Kind::YesNo,
            Kind::Integer,
            Kind::Percent,
            Kind::Number,
            Kind::Amount,
            Kind::Status,
            Kind::Stage,
            Kind::Category,
            Kind::Currency,
            Kind::User,
            Kind::Users,
            Kind::Link,
            Kind::Links,
            Kind::Integers,
            Kind::Date,
            Kind::DateTime,
            Kind::Picture,
            Kind::Multifield,
            Kind::Choice,
            Kind::Money,
            Kind::CrmLink,
            Kind::File,
        ];
        KINDS.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in [Kind::Text, Kind::YesNo, Kind::DateTime, Kind::CrmLink, Kind::File, Kind::Any]
        {
            assert_eq!(Kind::named(kind.name()), kind);
        }
        assert_eq!(Kind::named("hologram"), Kind::Any);
    }
}
