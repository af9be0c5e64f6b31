//! The audit trail and its report.

use crate::state::{AuditFilter, AuditRecord, PRINCIPALS_MAX};

use super::*;

fn observed(client: u32, principal: Option<&str>, moment: SystemTime) -> AuditRecord {
    AuditRecord {
        at: moment,
        principal: principal.map(str::to_owned),
        client: format!("10.0.0.{client}"),
        repository: "public".to_owned(),
        package: "/npm//cofee-script".to_owned(),
        version: None,
        verdict: "deny".to_owned(),
        control: "lookalike".to_owned(),
        group: "/npm/*".to_owned(),
        sentence: "too close to coffee-script".to_owned(),
        observed: true,
        mode: "observe".to_owned(),
    }
}

#[tokio::test]
async fn records_are_read_back_newest_first() {
    for place in Place::all() {
        let state = place.open().await;
        let mut records: Vec<AuditRecord> = (0..450)
            .map(|number| observed(1, None, at(number)))
            .collect();
        records[7].version = Some("1.0.0".to_owned());
        records[7].observed = false;
        records[7].principal = Some("anna".to_owned());
        state.record(&records).await.unwrap();
        state.record(&[]).await.unwrap();
        let all = state.audit(1_000, &AuditFilter::default()).await.unwrap();
        records.reverse();
        assert_eq!(all, records);
        let filter = AuditFilter {
            since: Some(at(7)),
            until: Some(at(8)),
            repository: Some("public".to_owned()),
            package: Some("/npm//cofee-script".to_owned()),
            principal: Some("anna".to_owned()),
            verdict: Some("deny".to_owned()),
            observed: Some(false),
        };
        assert_eq!(state.audit(5, &filter).await.unwrap(), records[442..443]);
        let none = AuditFilter {
            verdict: Some("hold".to_owned()),
            ..filter
        };
        assert_eq!(state.audit(5, &none).await.unwrap(), []);
        assert_eq!(
            state.audit(3, &AuditFilter::default()).await.unwrap(),
            records[..3]
        );
    }
}

#[tokio::test]
async fn a_foreign_zero_byte_does_not_stop_the_trail() {
    for place in Place::all() {
        let state = place.open().await;
        let mut record = observed(1, Some("a\0b"), at(0));
        record.version = Some("1\0".to_owned());
        state.record(&[record]).await.unwrap();
        let all = state.audit(9, &AuditFilter::default()).await.unwrap();
        assert_eq!(all[0].version.as_deref(), Some("1\u{fffd}"));
    }
}

#[tokio::test]
async fn the_report_counts_clients_and_names_principals() {
    for place in Place::all() {
        let state = place.open().await;
        let mut records = vec![
            observed(1, Some("bob"), at(10)),
            observed(1, Some("anna"), at(12)),
            observed(2, Some("anna"), at(11)),
            observed(3, None, at(13)),
            // Too old, enforced, another version.
            observed(4, Some("old"), at(1)),
            observed(5, Some("enforced"), at(12)),
            observed(6, Some("other"), at(14)),
        ];
        records[5].observed = false;
        records[6].version = Some("1.0.0".to_owned());
        let crowd = (0..30).map(|number| observed(7, Some(&format!("p{number:02}")), at(20)));
        records.extend(crowd.map(|record| AuditRecord {
            control: "min_age".to_owned(),
            ..record
        }));
        state.record(&records).await.unwrap();
        let rows = state.would_have_refused(at(10)).await.unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[0].count, rows[0].clients), (30, 1));
        assert_eq!(rows[0].principals.len(), PRINCIPALS_MAX);
        let row = &rows[1];
        assert_eq!((row.count, row.clients, row.version.as_ref()), (4, 3, None));
        assert_eq!(row.principals, [records[3].client.as_str(), "anna", "bob"]);
        assert_eq!((row.first, row.last), (at(10), at(13)));
        assert_eq!(row.sentence, "too close to coffee-script");
        assert_eq!(rows[2].version.as_deref(), Some("1.0.0"));
    }
}

#[tokio::test]
async fn pruning_takes_what_is_older_and_no_more() {
    for place in Place::all() {
        let state = place.open().await;
        // More than one round, with many of the same moment.
        let records: Vec<AuditRecord> = (0..12_000)
            .map(|number| observed(1, None, at(number / 4_000)))
            .collect();
        state.record(&records).await.unwrap();
        assert_eq!(state.prune_audit(at(2)).await.unwrap(), 8_000);
        assert_eq!(state.prune_audit(at(2)).await.unwrap(), 0);
        let left = state.audit(10_000, &AuditFilter::default()).await.unwrap();
        assert_eq!(left.len(), 4_000);
    }
}
