//! Our tables on PostgreSQL stand in a schema of their own, where em_web's migrations do not look; those of earlier
//! versions are moved there, and made again where they vanish.

use em_scheduler::store::SchemaStanding;
use em_scheduler::store::postgres::PostgresStore;

use super::harness::{self, ME, NOW, Place, at, on_postgres, postgres_options, runtime};
use super::served_before::in_each_zone;

const OURS: &str =
    "SELECT schemaname, count(*) FROM pg_tables WHERE tablename LIKE 'scheduler\\_%' GROUP BY 1";

#[test]
fn none_of_our_tables_stands_beside_em_webs() {
    on_postgres(async |h| {
        assert_eq!(h.place.lines(OURS).await, ["em_scheduler|11"]);
        let em_webs = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(h.place.lines(em_webs).await, ["21"]);
    });
}

/// Puts our tables where earlier versions made them.
async fn as_before(place: &Place) {
    for table in place
        .lines("SELECT tablename FROM pg_tables WHERE schemaname = 'em_scheduler'")
        .await
    {
        place
            .run(&format!("ALTER TABLE em_scheduler.{table} SET SCHEMA public"))
            .await;
    }
    place.run("DROP SCHEMA em_scheduler").await;
}

#[test]
fn tables_of_an_earlier_version_are_moved_with_what_they_hold() {
    in_each_zone(async |h| {
        h.due_job(7, "3-7-cron").await;
        h.store.set_paused(at(NOW), true).await.unwrap();
        let place = &h.place;
        as_before(place).await;
        // Looking changes nothing.
        let (inspected, standing, grants) = PostgresStore::inspect(postgres_options(&h.place.url, ME))
            .await
            .unwrap();
        assert_eq!(format!("{standing:?} {grants:?}"), "Ready []");
        drop(inspected);
        assert_eq!(place.lines(OURS).await, ["public|11"]);
        let store = place.open(ME).await.unwrap();
        assert_eq!(place.lines(OURS).await, ["em_scheduler|11"]);
        assert!(store.paused().await.unwrap());
        assert_eq!(store.list_jobs(false).await.unwrap().len(), 1);
        // Identity columns have come along.
        place.task(8, true).await;
        let plan = std::sync::Arc::new(|_: &_| Ok(vec![super::fixture::job("3-8-cron", 8, Some(at(NOW)))]));
        store.replace_jobs(at(NOW), 8, plan).await.unwrap();
    });
}

#[test]
fn a_role_that_may_not_create_the_schema_is_told_what_to_run() {
    runtime().block_on(async {
        let place = harness::postgres().await;
        drop(
            PostgresStore::connect(postgres_options(&place.url, ME))
                .await
                .unwrap(),
        );
        let role = format!("em_{}", std::process::id());
        place
            .run(&format!(
                "DROP SCHEMA em_scheduler CASCADE; CREATE ROLE {role} LOGIN;
                 GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO {role};
                 GRANT INSERT ON task_log TO {role}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
            ))
            .await;
        let mut url = place.url.clone();
        url.push_str(if url.contains('?') { "&" } else { "?" });
        url.push_str(&format!("user={role}"));
        let as_role = || PostgresStore::connect(postgres_options(&url, ME));
        let refused = as_role().await.err().unwrap().to_string();
        let grant = refused
            .split("run: ")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        assert!(
            grant.starts_with("GRANT CREATE ON DATABASE ") && grant.contains(&role),
            "{refused}"
        );
        let inspected = || async {
            let inspected = PostgresStore::inspect(postgres_options(&url, ME)).await;
            inspected.map(|(_, standing, grants)| (standing, grants)).unwrap()
        };
        assert_eq!(
            inspected().await,
            (SchemaStanding::WithoutOurs, vec![grant.clone()])
        );
        // A schema that is there already, of another role.
        place.run("CREATE SCHEMA em_scheduler").await;
        let on_schema = format!("GRANT USAGE, CREATE ON SCHEMA em_scheduler TO {role}");
        assert_eq!(inspected().await.1, std::slice::from_ref(&on_schema));
        let refused = as_role().await.err().unwrap().to_string();
        assert!(refused.contains(&format!("run: {on_schema};")), "{refused}");
        place.run("DROP SCHEMA em_scheduler").await;
        place.run(&grant).await;
        drop(as_role().await.unwrap());
        place
            .run(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"))
            .await;
    });
}

#[test]
fn tables_that_vanish_are_told_and_made_again() {
    in_each_zone(async |h| {
        let settings = std::collections::BTreeMap::from([("timezone".to_owned(), "UTC".to_owned())]);
        h.store.agree_settings(settings.clone()).await.unwrap();
        assert!(!h.store.restore_tables(true).await.unwrap());
        h.place.run("DROP SCHEMA em_scheduler CASCADE").await;
        let gone = h.store.paused().await.unwrap_err();
        assert!(
            gone.is_unavailable() && gone.to_string().contains("have vanished"),
            "{gone}"
        );
        assert!(h.store.restore_tables(true).await.unwrap());
        assert_eq!(h.place.lines(OURS).await, ["em_scheduler|11"]);
        assert_eq!(h.store.settings().await.unwrap(), settings);
        assert!(h.store.paused().await.unwrap());
        // What stands in task.next_run was written by us, in our zone.
        assert_eq!(h.store.earlier_zone().await.unwrap(), None);
        // What is left of some is not thrown away.
        h.place.run("DROP TABLE scheduler_due, scheduler_reported").await;
        let refused = h.store.restore_tables(true).await.unwrap_err().to_string();
        for part in [
            "scheduler_due, scheduler_reported",
            "DROP SCHEMA em_scheduler CASCADE;",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
    });
}
